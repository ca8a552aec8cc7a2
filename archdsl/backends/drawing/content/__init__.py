"""What is drawn: graph -> drawing model. `build` begins here; nothing in this room knows a place or a colour."""
