"""The texts of topics that are about no single piece of code: each module is a docstring, and nothing else."""
