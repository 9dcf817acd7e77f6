"""Names that vulture must not report as unused, grouped by what uses them. Nothing imports this file."""
# ruff: noqa: B018, F821

# Public measures, chosen by name: rho-a, Pearson, cosine and Kendall's tau-a.
similarity

# The catalog of figures names the functions that draw them as "module:name".
best_layer_by_group
encoding_by_region
encoding_beside_rsa
partition_by_region
alignment_against_complexity
by_training_dataset
depth_bands
depth_of_networks
region_profile
signatures
rdm_pictures
picture_frames
map_frames

# plotnine calls a geom of our own by its names.
REQUIRED_AES
DEFAULT_PARAMS
draw_panel

# Registries name data sets and sources of networks as "module:name".
BMD
RDMS
ARRAYS
MOSAIC
NSD
THINGS_FMRI
FunctionSource
MMAction2
Torchvision
Transformers

# For users: notebooks and tests may register a data set again; a caller may set the folder of features.
unregister
features_on
on_step

# pydantic calls it.
_without_added_defaults

# For users, in a notebook; tests and docs/notebook.md use them. Notebooks call `_repr_html_`.
add_results
to_polars
to_rsatoolbox
to_xarray
_repr_html_

# Attributes that PyAV reads.
thread_type
thread_count

# Members of an enumeration, and fields of records that code reads by name.
INPUTS
rows_sha256
mid
motion
flicker
manifest

# Read by its name from the list of tables beside the page.
encoding_layer

# Templates of the report and of the site read these fields.
zero
dot
spark
verdict
best_page
has_several_sources
csv_size
parquet_size
anchor
methods
methods_heading
alternative
numeric
descends
header_column
sorted_by
is_live
is_hidden

# Columns of a table that is built from the whole record.
group_a
group_b
statistic
p_adjusted
n_a
n_b

# Columns of the table of networks; a record has one field per column.
time_as
pretraining
weights_at_publication
clips_for_90_frames
crop_type
input_shape

# Python, the standard library and the libraries in use call or read these.
__dir__
__new__
__path__
__setitem__
onecmd
completedefault
prompt
use_rawinput
persistent_load
find_class
pix_fmt
pts
markdown
exception
kwargs

# Pickled files of the demo have the attributes of a real file.
MaskImage
affine
dataobj

# An attribute that a library looks for in a module that is not installed.
drn

# Templates of pages read them.
chart
hash
