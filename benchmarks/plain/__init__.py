"""The plain design, against which Frontdesk is measured; ``benchmarks`` says what it does.

The cold start copies this folder into a package of its own, hence the relative imports.
"""
