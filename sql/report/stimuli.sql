-- One row: how many videos and images were shown, on one data set and split.
select
    count(*) filter (where media = 'video') as videos,
    count(*) filter (where media = 'image') as images
from stimulus
where
    dataset = $dataset
    and ($split = 'all' or split = $split)
having count(*) > 0
