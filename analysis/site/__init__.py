"""A static site of warehouses: a page per network, region and data set, from the parts of the report."""
