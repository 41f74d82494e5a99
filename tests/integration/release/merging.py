"""Requests to merge, merged as GitHub and GitLab do it: with their commits, their messages and what they leave of ours."""

from __future__ import annotations

from tests.integration.release.repositories import Remote, git

STYLES = (
    "GitHub merges",
    "GitHub squashes",
    "GitHub rebases",
    "GitHub merges what was brought up to date",
    "GitLab merges",
    "GitLab squashes",
    "GitLab squashes and merges",
)


class Requests:
    """A forge that takes every request; `merge` does what its button does, and removes the branch."""

    def __init__(self, remote: Remote) -> None:
        self.made: list[tuple[str, str, str, str]] = []
        self._remote = remote

    async def propose(self, branch: str, onto: str, title: str, body: str) -> str:
        self.made.append((branch, onto, title, body))
        return f"https://forge.test/{len(self.made)}"

    def merge(self, style: str) -> str:
        """Merge the newest request; returns the new tip of its branch."""
        head, base, title, body = self.made[-1]
        number, forge = len(self.made), style.partition(" ")[0]
        folder = self._remote.root / f"forge-{number}"
        self._remote.clone(folder.name)
        git(folder, "checkout", "--quiet", "-B", "head", f"origin/{head}")
        if "up to date" in style:
            for branch in dict.fromkeys(("staging", base)):
                self._remote.commit(branch, "Another change", **{f"change{number}_md": "changed\n"})
            git(folder, "fetch", "--quiet")
            git(folder, "merge", "--quiet", "--no-ff", "-m", f"Merge branch '{base}' into {head}", f"origin/{base}")
        if "rebase" in style:
            git(folder, "rebase", "--quiet", "--force-rebase", f"origin/{base}")
        git(folder, "checkout", "--quiet", "-B", "base", f"origin/{base}")
        if "squashes" in style:
            git(folder, "merge", "--quiet", "--squash", "head")
            added = "\n\nCo-authored-by: Cy Committer <cy@example.org>"
            git(folder, "commit", "--quiet", "-m", f"{title} (#{number})\n\n{body}{added}" if forge == "GitHub" else title)
            git(folder, "branch", "-f", "head")
            if "merges" in style:
                git(folder, "reset", "--quiet", "--hard", f"origin/{base}")
        said = {
            "GitHub": f"Merge pull request #{number} from ada/{head}\n\n{title}",
            "GitLab": f"Merge branch '{head}' into '{base}'\n\n{title}\n\nSee merge request group/twin!{number}",
        }[forge]
        git(folder, "merge", "--quiet", *(("--no-ff", "-m", said) if "merges" in style else ("--ff-only",)), "head")
        git(folder, "push", "--quiet", "origin", f"HEAD:{base}", f":{head}")
        return git(folder, "rev-parse", "HEAD")
