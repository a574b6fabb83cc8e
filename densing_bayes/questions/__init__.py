"""What is asked of a fit, as functions that return values: numbers, draws and tables, no words.

Command line, report and Python call these; ``sections/`` tells what they return.
"""
