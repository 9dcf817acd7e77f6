"""Data sets: each reads its own files; the rest of the house knows them by the protocol `DataSet`."""
