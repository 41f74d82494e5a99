"""A candidate to staging: one commit, checked, racing with others, refused by rules, and nothing touched that is not asked."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web

from tests.integration.release.repositories import TODAY, digest, git, judged, pins, released, report, state, work
from tests.servers import free_port
from twin.drivers.gitwork import GitWork
from twin.errors import PromotionError, ReleaseError
from twin.release.check import check
from twin.release.promote import candidate, promote, rollback
from twin.release.publish import Branches
from twin.release.reading import read
from twin.release.release import index_digest


async def test_a_candidate_that_passed_becomes_one_commit_on_staging(at, remote, clone):
    before = state(clone)
    made = await released(at, "a")
    assert made.release == "2026-11-21.1"
    assert remote.log("staging") == ["Release 2026-11-21.1", "Begin"]
    assert read(remote.show("staging"), "release.yaml").model.adapter == f"s3://kept/adapter-a#{digest('a')}"
    assert git(remote.path, "diff", "--name-only", "staging~1", "staging") == "release.yaml"
    body = git(remote.path, "log", "-1", "--format=%B", "staging")
    assert "Candidate a is better." in body
    assert f"model.adapter: - -> s3://kept/adapter-a#{digest('a')}" in body
    assert body.splitlines()[-3:-1] == ["Release: 2026-11-21.1", f"Report: {digest('a')}"]
    assert git(remote.path, "rev-parse", "staging") == made.commit
    assert state(clone) == before


async def test_the_next_release_has_the_next_id_and_lists_only_what_changes(at, remote):
    await released(at, "a")
    said = judged("b", "a")
    only = {"model.adapter": pins("b")["model"]["adapter"], "dataset": pins("b")["dataset"]}
    release, tip = await candidate(at, only, said, report("b"), today=TODAY)
    made = await promote(at, release, tip, said)
    assert (made.release, made.since) == ("2026-11-21.2", "2026-11-21.1")
    changed = [key for key, _, _ in made.changes]
    assert changed == ["id", "dataset.uri", "dataset.digest", "model.adapter", "report.uri", "report.digest"]
    assert read(remote.show("staging"), "release.yaml").images.gateway.endswith(digest("a"))


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"passed": False, "reasons": ("style: +0.1 is not shown",)}, "the report did not pass: style"),
        ({"candidate": digest("c")}, f"the report judges {digest('c')}, but the candidate pins adapter {digest('b')}"),
        ({"running": digest("c")}, "the report compares with sha256:ccc.*but staging runs sha256:aaa.*evaluate again"),
        ({"running": ""}, "the report compares with no adapter, but staging runs sha256:aaa"),
        ({"dataset": digest("c")}, "the report used dataset sha256:ccc"),
        ({"prompt": digest("c")}, r"made with prompt sha256:ccc.* candidate pins sha256:bbb\w+ \(twin-v3\): evaluate again"),
        ({"template": digest("c")}, "made with chat template sha256:ccc.* candidate pins sha256:bbb.*give --adapter"),
        ({"index": digest("c")}, "made from another index than minilm.c1.9f2c41 with 18231 passages of sha256:bbb.*--index"),
    ],
)
async def test_a_report_that_does_not_say_so_is_no_reason(at, remote, clone, more, reason):
    await released(at, "a")
    before = remote.tips(), state(clone)
    with pytest.raises(PromotionError, match=reason):
        await released(at, "b", "a", **more)
    assert (remote.tips(), state(clone)) == before


async def test_a_report_that_says_what_it_was_made_with_is_held_to_it_and_passes(at):
    index = index_digest("minilm.c1.9f2c41", digest("a"), 18231)
    made = await released(at, "a", dataset=digest("a"), prompt=digest("a"), index=index, template=digest("a"))
    assert made.release == "2026-11-21.1"


async def test_a_pin_that_is_not_there_is_named(at, remote, store):
    store.missing = {"s3://kept/adapter-a", "s3://kept/index-a"}
    before = remote.tips()
    with pytest.raises(PromotionError) as caught:
        await released(at, "a")
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "release.index.snapshot",
        "release.model.adapter",
    ]
    assert remote.tips() == before


async def test_every_artifact_is_looked_for(at, store):
    await released(at, "a")
    assert store.asked == ["s3://kept/index-a", "s3://kept/dataset-a", "s3://kept/adapter-a", "s3://kept/report-a"]


async def test_a_candidate_that_is_no_release_is_refused_with_every_mistake(at, remote):
    wrong = pins("a") | {"prompt": {"name": "a b"}, "imagse": {}}
    before = remote.tips()
    with pytest.raises(ReleaseError) as caught:
        await candidate(at, wrong, judged("a"), report("a"), today=TODAY)
    assert [
        word for word in ("release.prompt.name", "release.prompt.digest", "did you mean images?") if word in str(caught.value)
    ]
    assert len(str(caught.value).splitlines()) == 3
    assert remote.tips() == before


async def test_what_runs_already_is_not_released_again(at):
    await released(at, "a")
    with pytest.raises(PromotionError, match="nothing changes: staging runs all of this as 2026-11-21.1"):
        await released(at, "a", "a")


async def test_a_branch_that_moved_for_another_reason_gets_the_release_on_top(at, remote):
    said = judged("a")
    release, tip = await candidate(at, pins("a"), said, report("a"), today=TODAY)
    remote.commit("staging", "More replicas", charts__values_yaml="replicas: 2\n")
    await promote(at, release, tip, said)
    assert remote.log("staging") == ["Release 2026-11-21.1", "More replicas", "Begin"]
    assert remote.show("staging", "charts/values.yaml") == "replicas: 2\n"


async def test_a_branch_that_got_another_release_refuses_this_one(at, remote, clone):
    said = judged("a")
    release, tip = await candidate(at, pins("a"), said, report("a"), today=TODAY)
    other = Branches(work(remote.clone("quicker")), at.store)
    await released(other, "b")
    before = remote.tips(), state(clone)
    with pytest.raises(PromotionError, match=r"staging got another release meanwhile \(Release 2026-11-21.1\)"):
        await promote(at, release, tip, said)
    assert (remote.tips(), state(clone)) == before


@pytest.mark.parametrize("where", ["of one clone", "of two clones"])
async def test_of_promotions_at_once_exactly_one_wins(at, remote, clone, where):
    async def one(number, letter):
        folder = clone if where == "of one clone" else remote.clone(f"clone{number}")
        return await released(Branches(work(folder), at.store), letter)

    done = await asyncio.gather(*(one(*each) for each in enumerate("aabc")), return_exceptions=True)
    won = [each for each in done if not isinstance(each, BaseException)]
    assert [type(each) for each in done if isinstance(each, BaseException)] == [PromotionError] * 3
    assert [each.commit for each in won] == [git(remote.path, "rev-parse", "staging")]
    assert remote.log("staging") == ["Release 2026-11-21.1", "Begin"]


@pytest.mark.parametrize("hook", ["pre-receive", "update"])
async def test_a_protected_branch_refuses_in_its_own_words_and_leaves_all_as_it_was(at, remote, clone, hook):
    remote.hook(hook, 'echo "staging is protected: open a request" >&2; exit 1')
    before = remote.tips(), state(clone)
    with pytest.raises(PromotionError, match="origin refuses the push to staging: staging is protected: open a request"):
        await released(at, "a")
    assert (remote.tips(), state(clone)) == before


async def test_a_remote_that_is_gone_is_an_error_and_no_refusal(at, remote):
    remote.path.rename(remote.path.with_name("moved.git"))
    with pytest.raises(ReleaseError, match=r"git ls-remote: .*check the remote's address"):
        await released(at, "a")


async def test_a_missing_branch_is_said_with_what_to_do(at, remote):
    git(remote.path, "branch", "-D", "staging")
    with pytest.raises(PromotionError, match="there is no branch staging at the remote: make it first"):
        await released(at, "a")


async def test_a_release_that_was_spoilt_by_hand_is_named_by_line(at, remote):
    remote.commit("staging", "Spoil it", release_yaml="release:\n  id: today\n")
    with pytest.raises(ReleaseError, match=r"release.yaml of staging \(\w{12}\):2: release.id: 'today' is no id"):
        await released(at, "a")


async def test_words_of_a_report_are_no_mark_of_a_rollback(at, remote):
    mark = f"Rolls-back: {'a' * 40}\n\nThis reverts commit {'b' * 40}.\n\x1b[31mred\x07"
    made = await released(at, "a", summary=mark)
    assert (await at.repository.look(made.commit)).reverts == ""
    assert "\x1b" not in git(remote.path, "log", "-1", "--format=%B", "staging")


async def test_a_missing_identity_is_said_with_what_to_do(at, remote, monkeypatch):
    for key in ("GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(key)
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "user.useConfigOnly")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "true")
    before = remote.tips()
    with pytest.raises(ReleaseError, match="set user.name and user.email with git config"):
        await released(at, "a")
    assert remote.tips() == before


async def test_a_shallow_clone_is_refused_rather_than_read_as_the_whole(remote, store, tmp_path):
    await released(Branches(work(remote.clone("whole")), store), "a")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote.path}", "shallow")
    with pytest.raises(ReleaseError, match="this clone is shallow.*git fetch --unshallow"):
        await released(Branches(work(tmp_path / "shallow"), store), "b", "a")
    git(tmp_path / "shallow", "fetch", "--quiet", "--unshallow")
    assert (await released(Branches(work(tmp_path / "shallow"), store), "b", "a")).release == "2026-11-21.2"


async def test_a_check_in_a_shallow_clone_says_so_rather_than_miss_a_mark(remote, at, tmp_path):
    made = await released(at, "a")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{remote.path}", "shallow")
    with pytest.raises(ReleaseError, match="this clone is shallow"):
        await check(work(tmp_path / "shallow"), made.commit)


async def test_a_ref_that_ends_like_a_branch_is_not_taken_for_it(at, remote):
    await released(at, "a")
    git(remote.path, "update-ref", "refs/backup/refs/heads/staging", "staging~1")
    assert (await released(at, "b", "a")).since == "2026-11-21.1"


async def test_a_name_that_looks_like_an_option_is_no_option(at, clone):
    with pytest.raises(ReleaseError, match="git log: "):
        await at.repository.look("--output=written")
    assert not [path for path in clone.iterdir() if path.name.startswith("written")]


@pytest.mark.parametrize("path", ["deploy/release.yaml", "./deploy/../deploy//release.yaml"])
async def test_the_file_may_lie_in_a_folder_and_is_found_however_its_path_is_written(remote, store, path):
    folder = remote.clone("elsewhere") / "twins"
    folder.mkdir()
    at = Branches(work(folder, path=path), store)
    await released(at, "a")
    made = await released(at, "b", "a")
    assert git(remote.path, "show", "--format=", "--name-only", made.commit) == "twins/deploy/release.yaml"
    await rollback(at, "staging")
    assert read(remote.show("staging", "twins/deploy/release.yaml"), "x").id == "2026-11-21.1"


@pytest.mark.parametrize("path", ["../release.yaml", "/release.yaml", "", "deploy/..", "."])
async def test_a_file_outside_of_the_repository_is_refused_by_its_setting(remote, store, path):
    before = remote.tips()
    with pytest.raises(ReleaseError, match="release_file"):
        await released(Branches(work(remote.clone("elsewhere"), path=path), store), "a")
    assert remote.tips() == before


async def test_a_detached_head_is_as_good_as_a_branch(at, clone, remote):
    git(clone, "checkout", "--quiet", "--detach")
    head = git(clone, "rev-parse", "HEAD")
    await released(at, "a")
    assert git(clone, "rev-parse", "HEAD") == head
    assert remote.log("staging") == ["Release 2026-11-21.1", "Begin"]


async def test_a_clone_without_a_remote_says_which_is_missing(at, clone):
    git(clone, "remote", "remove", "origin")
    with pytest.raises(ReleaseError, match="'origin' does not appear to be a git repository; check the remote's address"):
        await released(at, "a")


async def test_a_folder_that_is_no_clone_is_said_to_be_none(store, tmp_path):
    with pytest.raises(ReleaseError, match="run this in a clone of the twin's repository"):
        await released(Branches(work(tmp_path), store), "a")


async def test_a_password_in_the_remote_s_address_is_not_told(at, clone, caplog):
    git(clone, "remote", "set-url", "origin", f"http://ada:s3cret-word@127.0.0.1:{free_port()}/twin.git")
    with pytest.raises(ReleaseError, match="git ls-remote") as caught:
        await released(at, "a")
    assert "s3cret-word" not in str(caught.value) + caplog.text


async def test_credentials_that_are_no_longer_valid_are_said_and_not_told(at, clone, remote):
    async def unauthorized(request):
        return web.Response(status=401, headers={"WWW-Authenticate": 'Basic realm="git"'})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", unauthorized)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    git(clone, "remote", "set-url", "origin", f"http://ada:s3cret-word@127.0.0.1:{port}/twin.git")
    with pytest.raises(ReleaseError, match="git ls-remote: .*check git's credentials") as caught:
        await released(at, "a")
    await runner.cleanup()
    assert "s3cret-word" not in str(caught.value)


async def test_a_branch_that_never_rests_is_left_alone(at, remote, clone):
    class Busy(GitWork):
        async def push(self, commit, branch, expected):
            remote.commit("staging", "Another change", change_md=expected)
            return await super().push(commit, branch, expected)

    with pytest.raises(PromotionError, match="staging moved 5 times meanwhile; run the command again"):
        await released(replace(at, repository=Busy(clone)), "a")
    assert remote.log("staging") == ["Another change"] * 5 + ["Begin"]


async def test_a_twin_in_a_folder_of_the_repository_has_its_release_there(remote, store):
    folder = remote.clone("deep") / "twins" / "ada"
    folder.mkdir(parents=True)
    made = await released(Branches(work(folder), store), "a")
    assert git(remote.path, "show", "--format=", "--name-only", made.commit) == "twins/ada/release.yaml"


async def test_a_bare_repository_is_enough(remote, store, tmp_path):
    git(tmp_path, "clone", "--quiet", "--bare", str(remote.path), "bare.git")
    git(tmp_path / "bare.git", "worktree", "list")
    await released(Branches(work(tmp_path / "bare.git"), store), "a")
    assert remote.log("staging") == ["Release 2026-11-21.1", "Begin"]
