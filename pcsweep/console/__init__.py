"""What a person types and sees: words, text, progress, and how a command ends. Imports config alone."""
