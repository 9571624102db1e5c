"""How good alpha is.

In: a data set with ground truth, and engines or folders with the alphas of another program. Out: SAD, MSE, MAD,
gradient and connectivity error as the official evaluation defines them, as a table, JSON, CSV and a contact sheet. Read
`metrics` first (`video_metrics` for clips); `datasets` finds the files, `evaluation` goes through them, `scores` holds
and writes what came out.
"""
