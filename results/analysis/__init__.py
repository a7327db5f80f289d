"""Numbers from a run: which learning rate counts, scores, the ranking, decay, scaling, intervals."""
