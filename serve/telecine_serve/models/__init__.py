"""Model families: how a folder of weights becomes modules, and how those divide over ranks."""
