"""Thin commands: parse, call a service, render."""
