"""A month of texts, reps and troubles on the sandboxes, drawn by a seed."""
