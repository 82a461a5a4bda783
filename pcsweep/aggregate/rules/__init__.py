"""Update rules side by side: under each condition the best cell of each rule, chosen on one half of the images, and on the other
half its curve over time and the paired differences between rules.

`candidate` is what may be chosen, `best` chooses and reads, `contrast` pairs; `table` and `words` say it.
"""
