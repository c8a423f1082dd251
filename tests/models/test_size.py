import torch

from inc_hf.models.size import bytes_of


def test_what_is_shared_counts_once():
    a, b = torch.zeros(4, 3), torch.zeros(5, dtype=torch.int8)
    assert bytes_of([a, b, a, a.view(12)]) == 4 * 12 + 5
    assert bytes_of([]) == 0
