"""House rules a linter cannot know: where commits, times, settings and sentences belong, and what is never said."""

import ast
import inspect
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import BaseModel

import handlers
from bot import manners
from bot.channels import CHANNELS
from bot.config import Section, Settings
from bot.gate import REASONS
from handlers.wording import catalogue
from nlp.assessment import checklist, outline
from nlp.retrieval import load_library

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("bot", "handlers", "nlp", "workers", "storage")
LONGEST = 400

#: What reads the wall clock by itself, and why that is right.
OWN_CLOCKS = {
    "bot/clock.py": "it is the clock",
    "bot/simulator/phones.py": "plays the platform, whose clock is not ours",
    "bot/simulator/scenes.py": "plays the platform, whose clock is not ours",
    "bot/simulator/qq_push.py": "plays the platform; events are signed by its clock",
    "bot/simulator/wechat_api.py": "plays the platform; tests hand it our clock",
    "bot/simulator/wechat_push.py": "plays the platform; messages are signed by its clock",
    "bot/simulator/wecom_api.py": "plays the platform; tests hand it our clock",
    "bot/simulator/wecom_push.py": "plays the platform; messages are signed by its clock",
    "storage/models/base.py": "ids only need to grow; below bot.clock nothing depends on their time",
}
#: What reads the environment, and why that is right.
OWN_ENVIRONMENTS = {
    "bot/config.py": "it is the settings",
    "bot/cli/run.py": "hands the environment on to the processes it starts",
}
#: Sentences in code, and why they are not in YAML.
SENTENCES = {
    "bot/channels/http.py": "SendError.sentence: what staff read when a platform fails",
    "bot/channels/onebot.py": "SendError.sentence: what staff read when the client fails",
    "bot/channels/qq_api.py": "SendError.sentence: one for each of the platform's codes",
    "bot/channels/qq_official.py": "SendError.sentence: what staff read when it is too late to answer",
    "bot/channels/qq_files.py": "SendError.sentence: what staff read when a file is not fetched",
    "bot/channels/sms.py": "SendError.sentence: one for each of the gateway's codes",
    "bot/channels/sms_push.py": "Receipt.sentence: what staff read when a text message did not arrive",
    "bot/channels/sms_text.py": "what people write to get no more text messages",
    "bot/channels/webchat.py": "SendError.sentence: a file still on its way",
    "bot/channels/wechat_api.py": "SendError.sentence: one for each of the platform's codes",
    "bot/channels/wechat_messages.py": "the platform's own mark of an unsupported message",
    "bot/channels/wecom.py": "SendError.sentence: what staff read when a member got nothing",
    "bot/channels/wecom_aibot.py": "SendError.sentence: what staff read when a late answer was not sent",
    "bot/channels/wecom_api.py": "SendError.sentence: one for each of the platform's codes",
    "bot/channels/wecom_kf.py": "SendError.sentence: what staff read when a text was not sent",
    "bot/channels/wecom_kf_items.py": "Receipt.sentence: why a text did not arrive",
    "bot/channels/wecom_robot.py": "SendError.sentence: what staff read when a robot is unknown",
    "bot/cli/words.py": "the terminal chat, for developers",
    "bot/console/account.py": "what is wrong with a form of the console",
    "bot/console/activities.py": "what is wrong with a form of the console",
    "bot/console/session_change.py": "what is wrong with a form of the console",
    "bot/console/article_form.py": "names of fields and what is wrong with a form of the console",
    "storage/repositories/cases/mediation.py": "WrongState: why a step is not possible, with the law",
    "bot/occasions.py": "patterns of dates and times",
    "storage/repositories/occasions.py": "WrongState: why a step is not possible",
    "storage/repositories/canned_replies.py": "WrongState: why a step is not possible",
    "storage/repositories/cases/visits.py": "WrongState: why a step is not possible",
    "storage/repositories/cases/standing.py": "WrongState: why a step is not possible",
    "bot/console/assessment.py": "what is wrong with a form of the console",
    "bot/console/audience.py": "what is wrong with a form of the console",
    "bot/console/campaign_steps.py": "what is wrong with a form of the console",
    "bot/console/composing.py": "what is wrong with a form of the console",
    "bot/console/spread.py": "what is wrong with a form of the console, and why a step is not possible",
    "bot/notices.py": "names of variables, which staff type",
    "bot/console/knowledge.py": "what is wrong with a form of the console",
    "bot/console/lab.py": "what is wrong with a form of the console",
    "bot/console/composer.py": "what is wrong with a form of the console",
    "bot/console/contact.py": "what is wrong with a form of the console",
    "bot/console/inbox.py": "names of fields and what is wrong with a form of the console",
    "bot/console/people.py": "what is wrong with a form of the console",
    "bot/console/person.py": "what is wrong with a form of the console",
    "bot/console/queue.py": "what is wrong with a form of the console, and why a step is not possible",
    "bot/console/reach.py": "what is wrong with a form of the console",
    "bot/console/safety_plan.py": "what is wrong with a form of the console",
    "bot/console/roster_sheet.py": "names of weekdays",
    "bot/console/sign_in.py": "why a sign-in was refused",
    "bot/console/viewers.py": "what is wrong with a form of the console",
    "bot/console/transfers.py": "what is wrong with a form of the console",
    "bot/console/visit.py": "why a page of the console was refused",
    "bot/console/words.py": "names of weekdays",
    "bot/duty.py": "duty hours put into words",
    "bot/gate.py": "REASONS: what staff read when the gate holds something back",
    "bot/papers/writing.py": "numerals before a paragraph",
    "bot/simulator": "a pretended phone with the platform's own words, for developers",
    "bot/turns/answering.py": "a reason for staff when reading risk failed",
    "handlers/activity.py": "names of weekdays",
    "storage/repositories/access.py": "WrongState: why a step is not possible",
    "workers/recall.py": "what staff read when a message was not called back",
    "storage/repositories/accounts.py": "WrongState: why a step is not possible",
    "bot/plan.py": "what staff read when somebody is left out of a notice",
    "storage/repositories/campaigns.py": "WrongState: why a step is not possible",
    "storage/repositories/planning.py": "what staff read of deliveries that were skipped",
    "bot/channels/wechat_reports.py": "what staff read of what WeChat reports",
    "workers/sending.py": "what staff read of deliveries that failed or nobody knows about",
    "storage/repositories/staff_sends.py": "WrongState: why a step is not possible",
    "storage/repositories/inbox/acts.py": "WrongState: why a step is not possible",
    "storage/repositories/inbox/holding.py": "WrongState: why a step is not possible",
    "storage/repositories/language_models.py": "WrongState: why a step is not possible",
    "storage/repositories/links.py": "what staff read when a second copy is not sent",
    "storage/repositories/knowledge.py": "WrongState: why a step is not possible",
    "storage/repositories/transfers.py": "WrongState: why a step is not possible",
    "storage/repositories/questions.py": "WrongState: why a step is not possible",
    "storage/repositories/referrals": "WrongState: why a step is not possible",
    "storage/repositories/units.py": "WrongState: why a step is not possible",
    "workers/erasure.py": "names of weekdays",
    "workers/members.py": "SendError.sentence for staff",
    "workers/media.py": "SendError.sentence for staff",
    "workers/outbox.py": "what staff read when a row was not sent",
}
_CHINESE = re.compile(r"[一-鿿]")


def sources() -> Iterator[tuple[str, Path]]:
    """Every Python file of the packages, with its path as people write it."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            yield path.relative_to(ROOT).as_posix(), path


def lines_with(pattern: str) -> dict[str, list[int]]:
    """The lines of each file that match, comments and docstrings left out."""
    found: dict[str, list[int]] = {}
    for name, path in sources():
        text = path.read_text(encoding="utf-8")
        prose = prose_lines(text)
        for number, line in enumerate(text.splitlines(), 1):
            if number not in prose and re.search(pattern, line.split("  #")[0]):
                found.setdefault(name, []).append(number)
    return found


def prose_lines(text: str) -> set[int]:
    """Lines of docstrings and comments."""
    prose = {number for number, line in enumerate(text.splitlines(), 1) if line.lstrip().startswith("#")}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            prose |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return prose


def test_only_the_database_commits() -> None:
    assert set(lines_with(r"\.commit\(|def commit\(")) <= {"storage/sqlite.py"}
    # `transaction()` commits by leaving `connection.begin()`; nothing else opens one.
    assert set(lines_with(r"\.begin\(\)")) <= {"storage/database.py"}


def test_nothing_but_the_clock_reads_the_time() -> None:
    reading = lines_with(
        r"datetime\.(now|utcnow|today)\(|date\.today\(|\btime\.time\b|\btime_ns\(|\.utcfromtimestamp\("
    )
    assert set(reading) - set(OWN_CLOCKS) == set()
    assert set(OWN_CLOCKS) - set(reading) - {"bot/clock.py"} == set(), "an exception nobody needs any more"


def test_no_time_without_a_zone_is_made() -> None:
    for name, lines in lines_with(r"fromtimestamp\(").items():
        text = (ROOT / name).read_text(encoding="utf-8").splitlines()
        for number in lines:
            assert "UTC" in text[number - 1] or "clock" in text[number - 1], f"{name}:{number}"


def test_nothing_but_the_settings_reads_the_environment() -> None:
    reading = lines_with(r"os\.environ|\bgetenv\(")
    assert set(reading) == set(OWN_ENVIRONMENTS)


def test_sql_is_written_in_storage_only() -> None:
    found = {
        name for name in lines_with(r"^\s*(from|import) (sqlalchemy|sqlmodel)") if not name.startswith("storage/")
    }
    # bot/app.py asks whether a database holds a table before it makes a key for it.
    assert found == {"bot/app.py"}


@pytest.mark.parametrize("package", PACKAGES)
def test_files_are_short_enough_to_be_read(package: str) -> None:
    long = {
        name: count
        for name, path in sources()
        if name.startswith(f"{package}/")
        and not name.startswith("storage/migrations/versions/")
        and (count := len(path.read_text(encoding="utf-8").splitlines())) >= LONGEST
    }
    assert long == {}


def test_every_setting_is_shown_in_the_example() -> None:
    example = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    assert missing_settings(Settings, example, "") == []


def test_every_setting_of_every_channel_is_shown_in_the_example() -> None:
    shown = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))["channels"]
    for channel in CHANNELS:
        models = [
            model
            for _, model in inspect.getmembers(inspect.getmodule(channel), inspect.isclass)
            if issubclass(model, Section) and model is not Section and model.__module__ == channel.__module__
        ]
        assert models, f"{channel.name} has no settings class"
        for model in models:
            assert missing_settings(model, shown[channel.name], f"channels.{channel.name}.") == []


def missing_settings(model: type[BaseModel], shown: dict[str, Any], prefix: str) -> list[str]:
    """Settings of a model that the example lacks."""
    missing = []
    for name, field in model.model_fields.items():
        if name not in (shown or {}):
            missing.append(prefix + name)
        elif isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            missing += missing_settings(field.annotation, shown[name], f"{prefix}{name}.")
    return missing


def test_the_example_holds_no_secret() -> None:
    text = (ROOT / "config.yaml").read_text(encoding="utf-8")
    for line in text.splitlines():
        if re.match(r"\s*(token|encoding_aes_key|app_secret|secret|key):", line):
            assert re.search(r"\$\{[A-Z_]+\}", line), line


def test_every_channel_and_handler_is_documented() -> None:
    for channel in CHANNELS:
        assert channel.__doc__
        assert inspect.getmodule(channel).__doc__  # type: ignore[union-attr]
    for flow in handlers.HANDLERS:
        steps = [*flow.steps.values(), flow._start]
        for step in steps:
            assert step is not None
            assert step.__doc__, f"{flow.name}.{step.__name__}"
            assert inspect.getmodule(step).__doc__  # type: ignore[union-attr]


def test_code_holds_no_sentence_for_people() -> None:
    found = {
        name
        for name, path in sources()
        if not name.startswith("nlp/") and any(len(_CHINESE.findall(text)) >= 6 for text in strings_of(path))
    }
    allowed = set(SENTENCES)
    assert {name for name in found if name not in allowed and name.rpartition("/")[0] not in allowed} == set()


def test_understanding_holds_patterns_but_no_sentence() -> None:
    for name, path in sources():
        if name.startswith("nlp/"):
            said = [text for text in strings_of(path) if re.search(r"[你您请].*[。！？]$", text)]
            assert said == [], name


def strings_of(path: Path) -> list[str]:
    """All string constants of a file that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose
    ]


#: safety.md and the list of what is never said: our own expressions for it, by kind.
NEVER = manners.never()
#: What may never stand in anything we start ourselves: whoever reads over her shoulder learns nothing.
PRIVATE = r"家暴|暴力|打人|离婚|保护令|告诫|毒|心理|自杀|性侵|骚扰|维权|案|受害|报警|安全词|求助"
PROACTIVE = (
    "staff.alarm",
    "staff.waiting",
    "staff.referrals",
    "staff.due",
    "staff.answered",
    "staff.proposed",
    "reminders.coming",
    "reminders.bare",
    "reminders.changed_bare",
    "reminders.activity_changed",
    "reminders.activity_cancelled",
    "activity.promoted",
    "safeword.harmless",
    "assessment.invite",
    "assessment.later",
    "assessment.left",
)


@cache
def said() -> list[tuple[str, str]]:
    """Every text the bot can say, with where it stands."""
    texts = list(catalogue().items())
    for article in load_library().articles.values():
        texts += [(f"{article.id}.answer", article.answer), (f"{article.id}.where", article.where)]
        texts += [(f"{article.id}.steps", part) for part in (*article.steps, *article.documents)]
    texts += [(f"checklist.{item.name}", item.ask) for item in checklist().items]
    for section in outline().sections:
        texts += [(f"plan.{section.name}", part) for part in (section.title, section.ask, section.hint)]
    return texts


@pytest.mark.parametrize("kind", NEVER)
def test_bot_never(kind: str) -> None:
    found = {where: text for where, text in said() if re.search(NEVER[kind], text)}
    assert found == {}


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("endure", "为了孩子忍一忍吧"),
        ("blame", "你为什么不早离开"),
        ("belittle", "一巴掌不算家暴"),
        ("promise", "法院一定会判给你"),
        ("promise", "我保证你能离成"),
        ("soon", "稍后会有人回复你"),
        ("degrade", "当了小三"),
        ("messenger", "我们会联系你老公核实"),
        ("doctor", "每天吃 20 毫克"),
    ],
)
def test_expressions_find_what_they_are_for(kind: str, text: str) -> None:
    assert re.search(NEVER[kind], text)


def test_honest_words_are_not_mistaken() -> None:
    for text in ("结果由法院定，我不能保证。", "悔过书、保证书都可以当证据。", "先不要激怒他。"):
        assert not any(re.search(pattern, text) for pattern in NEVER.values()), text


@pytest.mark.parametrize("key", PROACTIVE)
def test_what_we_start_gives_nothing_away(key: str) -> None:
    assert not re.search(PRIVATE, catalogue()[key])


def test_an_assessment_tells_her_no_score_and_no_verdict_but_what_she_can_do_and_who() -> None:
    for key, text in catalogue().items():
        if key.startswith("assessment."):
            assert not re.search(r"[得评总]分|分数|(高|中|低)(危|风险)|等级|结果(是|为)|属于|判定", text), key
    for key in ("assessment.done", "assessment.done_grave"):
        text = catalogue()[key]
        assert "转人工" in text
        assert "110" in text
        assert "12110" in text
        assert "不是你的错" in text
    assert {"120", "110", "12110"} <= set(re.findall(r"\d+", catalogue()["assessment.heard"]))


def test_crisis_replies_carry_the_numbers_one_safe_step_and_a_person() -> None:
    first = [name for name in catalogue() if name.startswith("crisis.")]
    for name in set(first) - {"crisis.safe", "crisis.quiet", "crisis.unsafe", "crisis.again"}:
        text = catalogue()[name]
        assert "110" in text, name
        assert "120" in text, name
        assert "12110" in text, name
        assert re.search("转人工|工作人员", text), name
        assert len(text.encode()) < 2048, name


def test_crisis_texts_end_in_one_question_whose_yes_means_safe() -> None:
    asking = {name for name in catalogue() if name.startswith("crisis.")}
    for name in asking - {"crisis.safe", "crisis.quiet", "crisis.crash"}:
        text = catalogue()[name].strip()
        assert re.search("(你|孩子)现在安全了?吗？$", text), name
        assert text.count("？") == 1, name
        assert all(number in text for number in ("110", "120", "12110")), name


def test_off_duty_words_say_so_and_name_open_numbers() -> None:
    text = catalogue()["human.off_duty"]
    assert "没有人值班" in text
    assert "110" in text
    assert "12345" in text


def test_bot_says_that_it_is_a_bot() -> None:
    for key in ("menu.follow", "menu.hello", "menu.welcome"):
        assert re.search("智能助手|机器人", catalogue()[key]), key


def test_gate_reasons_for_staff_quote_nothing() -> None:
    assert all(len(sentence) < 60 and "{" not in sentence for sentence in REASONS.values())


def test_no_path_of_a_machine_is_in_the_repository() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True
    ).stdout.split("\0")
    pattern = re.compile(r"(?<![\w./-])/(home|root|Users|mnt|opt|work)/[\w.-]+")
    for name in filter(None, tracked):
        path = ROOT / name
        if not path.is_file() or path.suffix in {".png", ".woff2", ".ico", ".xlsx", ".db"}:
            continue
        match = pattern.search(path.read_text(encoding="utf-8", errors="replace"))
        assert match is None, f"{name}: {match and match.group()}"
