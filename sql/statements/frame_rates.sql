-- The frame rate of each stimulus of a data set; null for an image.
select
    stimulus,
    fps
from stimulus
where dataset = $dataset
