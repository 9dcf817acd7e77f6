-- One row: the mean number of frames of these stimuli; null if none is registered.
select avg(frames) as frames
from stimulus
where
    dataset = $dataset
    and list_contains($stimuli, stimulus)
