"""Rules: Sigma files compiled to matchers over the columns of a batch, and the counting that makes alerts of matches.

``load_rules`` reads rule files, ``Engine`` evaluates them over blocks in order of arrival.  Nothing here does I/O but
the reading of rule files, and nothing here knows where alerts are kept.
"""

from collector.detect.engine import Engine
from collector.detect.hearing import Hearing
from collector.detect.loading import load_rules
from collector.detect.rule import Rule, RuleSet
from collector.detect.settings import RECENT_BLOCKS_MAX, DetectSettings

__all__ = ["RECENT_BLOCKS_MAX", "DetectSettings", "Engine", "Hearing", "Rule", "RuleSet", "load_rules"]
