"""The use cases as jobs: who runs them, when, and how they are woken."""
