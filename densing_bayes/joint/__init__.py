"""The joint model: from ladder losses and scores to the growth of the density frontier."""
