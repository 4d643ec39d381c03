"""Source snapshots: frozen views of a server's paths, made on the server and pulled from there."""
