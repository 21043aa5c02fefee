"""Niangjia (娘家): the application — channels, the straight line of a message, console, simulator."""
