"""How fast it is, and how it grows: `make bench`. Notes in README.md of this folder."""
