"""Write `docs/plans.md` anew: `python docs/make_plans.py`."""

from __future__ import annotations

from pathlib import Path

from telecine_serve.models.architectures import architecture_from_name
from telecine_serve.parallel.plan_tables import plans_markdown

if __name__ == "__main__":
    text = plans_markdown(architecture_from_name("wan2.2-t2v-a14b"))
    (Path(__file__).parent / "plans.md").write_text(text, encoding="utf-8")
