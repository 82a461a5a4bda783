"""The computer: files, folders and their owners, processes, threads, memory, devices. Imports console and config."""
