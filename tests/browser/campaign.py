"""A ledger with a campaign, served by `rlhf annotate --listen`."""
import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = os.environ.get("RLHF_PROGRAM", str(ROOT / "build/release/bin/rlhf"))


def rlhf(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"rlhf {' '.join(map(str, arguments))}: {done.stderr}")
    return done.stdout


class Campaign:
    """`tasks`: (prompt, [responses]) each; a prompt is a text or a list of messages."""

    def __init__(self, tasks, annotators="ann", k=None, overlap=1, guidelines=""):
        self.folder = tempfile.TemporaryDirectory(prefix="rlhf-page-")
        self.ledger = pathlib.Path(self.folder.name) / "ledger.db"
        lines = [json.dumps({"prompt": prompt, "responses": [{"text": text, "model": f"model {i}"} for i, text in enumerate(responses)],
                             "ranks": list(range(1, len(responses) + 1))}) for prompt, responses in tasks]
        data = pathlib.Path(self.folder.name) / "tasks.jsonl"
        data.write_text("\n".join(lines) + "\n")
        rlhf("data", "import", "--db", self.ledger, data)
        with self.sql() as db:  # the imported rankings are none of the campaign's: only their texts are wanted
            self.imported = db.execute("SELECT COUNT(*) FROM annotations").fetchone()[0]
        self.flags = ["--db", self.ledger, "--annotators", annotators, "--campaign", "Helpful answers", "--k", k or len(tasks[0][1]),
                      "--overlap", overlap]
        if guidelines:
            (pathlib.Path(self.folder.name) / "guidelines.txt").write_text(guidelines)
            self.flags += ["--guidelines", pathlib.Path(self.folder.name) / "guidelines.txt"]
        self.listen = "127.0.0.1:0"
        self.start()

    def start(self):
        """Again on the same port when it ran before."""
        self.process = subprocess.Popen([PROGRAM, "annotate", *map(str, self.flags), "--listen", self.listen], stdout=subprocess.PIPE,
                                        stderr=subprocess.DEVNULL, text=True)
        first = json.loads(self.process.stdout.readline())
        self.listen = first["listening"]
        self.links = first["links"]

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        rest = self.process.stdout.read()
        self.process.stdout.close()
        self.process.wait(20)
        return rest

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self.folder.cleanup()

    def sql(self):
        return sqlite3.connect(self.ledger)

    def count(self, status, annotator=None):
        with self.sql() as db:
            return db.execute("SELECT COUNT(*) FROM annotations a JOIN annotators n ON n.id = a.annotator_id WHERE a.task_id IS NOT NULL"
                              " AND a.status = ? AND (? IS NULL OR n.handle = ?)", (status, annotator, annotator)).fetchone()[0]

    def last_ranks(self, status="submitted"):
        """Ranks of the newest answer of this status, in the order shown."""
        with self.sql() as db:
            return [row[0] for row in db.execute(
                "SELECT rank FROM ranks WHERE annotation_id = (SELECT MAX(id) FROM annotations WHERE task_id IS NOT NULL AND status = ?)"
                " ORDER BY position", (status,))]
