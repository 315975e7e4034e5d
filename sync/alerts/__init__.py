"""Telling people before month end: what crosses a limit, one alert per crossing, one word when it is over."""
