"""The command line. Names, flags and JSON keys are stable from their first release."""
