"""The joint model in other libraries, for comparison: same model, data and priors."""
