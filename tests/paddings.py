"""Attention masks of three texts in ten places."""

PADDINGS = {
    "none": [[1] * 10] * 3,
    "right": [[1] * 10, [1] * 4 + [0] * 6, [1] * 9 + [0]],
    "left": [[0] * 3 + [1] * 7, [1] * 10, [0] * 9 + [1]],
    "holes": [[1, 0] * 4 + [1, 1], [0] * 2 + [1] * 3 + [0] * 2 + [1] * 3, [1] * 10],
}
