"""What a configuration means: errors that refuse it, the schema that a signature is, and Hydra's words in ours.

Imports nothing above it.
"""
