"""Arrays in files of other programs: numpy, HDF5, MATLAB, Parquet, CSV. Nothing is unpickled or trusted."""
