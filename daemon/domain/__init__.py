"""Pure decisions and values: no I/O, no clock; time is a parameter."""
