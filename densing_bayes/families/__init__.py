"""One file per likelihood: a function from tables and a spec to a PyMC model."""
