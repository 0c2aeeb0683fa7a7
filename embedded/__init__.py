"""Runs all of Slipway on one machine: its programs, their supervisor and the demo.

The web process and the workers of the portal do not import this package.
"""
