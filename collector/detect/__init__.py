"""Rules: Sigma files compiled to matchers over the columns of a batch, and the counting that makes alerts of matches.

``load_rules`` reads rule files, ``Engine`` evaluates them over blocks in order of arrival.  Nothing here does I/O but
the reading of rule files, and nothing here knows where alerts are kept.
"""

from collector.detect.cache import RuleCache
from collector.detect.compiled import CANNOT_MATCH, NEEDS_LIST, Compiled
from collector.detect.documents import TESTS_FOLDER, rule_files
from collector.detect.encoded import decode_expression
from collector.detect.engine import Engine
from collector.detect.exceptions import Exceptions, value_in
from collector.detect.explaining import (
    block_of,
    detections_of,
    documents_of,
    explain_match,
    failed_tests,
    group_of_event,
    is_match,
    names_of,
    window_of,
)
from collector.detect.fields import group_complaint
from collector.detect.hearing import Hearing, tick_of
from collector.detect.inhibiting import idle_inhibitions
from collector.detect.loading import Loaded, link, load_rules, read_rules
from collector.detect.looking import remembered_of
from collector.detect.reading import read_text
from collector.detect.rule import Rule, RuleSet
from collector.detect.settings import RECENT_BLOCKS_MAX, DetectSettings
from collector.detect.surroundings import Surroundings, read_surroundings
from collector.detect.thinning import Thinned, fields_of
from collector.detect.wording import needs_words, words_of

__all__ = [
    "CANNOT_MATCH",
    "NEEDS_LIST",
    "RECENT_BLOCKS_MAX",
    "TESTS_FOLDER",
    "Compiled",
    "DetectSettings",
    "Engine",
    "Exceptions",
    "Hearing",
    "Loaded",
    "Rule",
    "RuleCache",
    "RuleSet",
    "Surroundings",
    "Thinned",
    "block_of",
    "decode_expression",
    "detections_of",
    "documents_of",
    "explain_match",
    "failed_tests",
    "fields_of",
    "group_complaint",
    "group_of_event",
    "idle_inhibitions",
    "is_match",
    "link",
    "load_rules",
    "names_of",
    "needs_words",
    "read_rules",
    "read_surroundings",
    "read_text",
    "remembered_of",
    "rule_files",
    "tick_of",
    "value_in",
    "window_of",
    "words_of",
]
