"""Screens: pages, API, live stream and the softphone."""
