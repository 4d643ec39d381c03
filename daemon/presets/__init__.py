"""Facts about providers, one TOML file for each product; `catalogue` reads them."""
