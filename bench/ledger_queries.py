"""The queries of docs/ledger.md, and values for their parameters out of the ledger at hand."""
import pathlib
import re

# Each finds one that has something to tell.
VALUES = {
    "run": "SELECT run_id FROM {of} GROUP BY run_id ORDER BY COUNT(*) DESC LIMIT 1",
    "step": "SELECT MAX(step) / 2 FROM trajectories",
    "id": "SELECT MAX(id) / 2 FROM {of}",
    "prompt": "SELECT {prompt}",
    "hash": "SELECT m.model_hash FROM models m JOIN {made} r ON r.model_id = m.id WHERE m.model_hash IS NOT NULL ORDER BY m.id DESC LIMIT 1",
    "split": "SELECT 'valid'",
    "tick": "SELECT tick FROM clock",
    "response": "SELECT response_id FROM task_items LIMIT 1",
    "campaign": "SELECT id FROM campaigns LIMIT 1",
    "annotator": "SELECT annotator_id FROM annotations WHERE annotator_id IS NOT NULL LIMIT 1",
}


def documented_queries():
    """(question, SQL) in the order of the page; the question is the text before, as far as it is one."""
    page = pathlib.Path("docs/ledger.md").read_text()
    question, found = "", []
    for block in re.split(r"(```sql\n.*?```)", page, flags=re.S):
        if block.startswith("```sql"):
            found.append((question, block[len("```sql\n"):-3]))
            continue
        asked = re.findall(r"^([A-Z][^\n]*\?)", block, flags=re.M)
        question = asked[-1] if asked else question
    return found


def fill_in(db, sql):
    """A value for every parameter of the query."""
    table = "metrics" if "FROM metrics" in sql else "trajectories" if "trajectories" in sql else "prompts"
    tasks = "prompt_id FROM annotations WHERE task_id IS NOT NULL LIMIT 1"
    prompt = "MAX(prompt_id) FROM trajectories" if table == "trajectories" else tasks
    made = "responses" if "responses s" in sql else "run_models"
    names = set(re.findall(r":(\w+)", sql))
    return {name: (db.execute(VALUES[name].format(of=table, prompt=prompt, made=made)).fetchone() or (None,))[0] for name in names}
