"""One page about a compressed model: its search, its modules, its layers, its training."""

from inc_hf.report.diagnosed import keep_diagnosis
from inc_hf.report.facts import Facts
from inc_hf.report.gather import facts_of
from inc_hf.report.page import check_replaceable, page_of, write_page

__all__ = ["Facts", "check_replaceable", "facts_of", "keep_diagnosis", "page_of", "write_page"]
