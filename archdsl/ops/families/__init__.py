"""Rules that several operators share, one file each; no operator is defined here."""
