"""Intent models trained in the console: begun, ready with their scores, one of them live."""

import json
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from bot.errors import NotFound, WrongState
from storage.database import AnyRow, Transaction
from storage.models import LanguageModel, new_id, table

_model = table(LanguageModel).c
#: Training takes about a minute: what is begun so long ago was cut off.
_CUT_OFF = timedelta(minutes=20)


@dataclass(frozen=True, slots=True)
class ModelView:
    """One model without its content; `scores` as in LanguageModel."""

    id: str
    state: str
    scores: dict[str, Any]
    begun_by: str
    begun_at: datetime
    published_at: datetime | None


async def begin(tx: Transaction, staff_id: str, now: datetime) -> str:
    """A new model in training; its id. Raises WrongState while another is."""
    await tx.execute(
        update(table(LanguageModel))
        .where(_model.state == "training", _model.begun_at < now - _CUT_OFF)
        .values(state="failed")
    )
    if await tx.first(select(_model.id).where(_model.state == "training")) is not None:
        raise WrongState("正在训练，请等它结束")
    model_id = new_id()
    await tx.insert(LanguageModel, {"id": model_id, "begun_by": staff_id, "begun_at": now})
    return model_id


async def finish(tx: Transaction, model_id: str, content: str, scores: dict[str, Any], *, good: bool) -> None:
    """Keep what training made; `good` False: it may not go live."""
    await _set(
        tx,
        model_id,
        state="ready" if good else "refused",
        content=zlib.compress(content.encode(), 9),
        scores=json.dumps(scores, ensure_ascii=False),
    )


async def fail(tx: Transaction, model_id: str) -> None:
    """Training was cut off."""
    await _set(tx, model_id, state="failed")


async def publish(tx: Transaction, model_id: str, staff_id: str, now: datetime) -> None:
    """Put a model into use in place of the one before. Raises WrongState for one that is not ready."""
    await _retire(tx)
    changed = await tx.execute(
        update(table(LanguageModel))
        .where(_model.id == model_id, _model.state.in_(("ready", "retired")), _model.content.is_not(None))
        .values(state="live", published_by=staff_id, published_at=now)
    )
    if not changed.rowcount:
        raise WrongState("这个模型不能启用")


async def use_packaged(tx: Transaction) -> None:
    """Go back to the model of the release."""
    await _retire(tx)


async def live(tx: Transaction) -> tuple[str, str] | None:
    """Id and content of the model in use; None for the release's own."""
    row = await tx.first(select(_model.id, _model.content).where(_model.state == "live"))
    return (row.id, zlib.decompress(row.content).decode()) if row else None


async def live_id(tx: Transaction) -> str:
    """The id of the model in use; empty for the release's own."""
    row = await tx.first(select(_model.id).where(_model.state == "live"))
    return str(row.id) if row else ""


async def list_all(tx: Transaction, limit: int = 20) -> list[ModelView]:
    """The newest first."""
    rows = await tx.rows(
        select(_model.id, _model.state, _model.scores, _model.begun_by, _model.begun_at, _model.published_at)
        .order_by(_model.id.desc())
        .limit(limit)
    )
    return [_view(row) for row in rows]


async def find(tx: Transaction, model_id: str) -> ModelView:
    """One model. Raises NotFound."""
    found = [one for one in await list_all(tx) if one.id == model_id]
    if not found:
        raise NotFound
    return found[0]


async def _retire(tx: Transaction) -> None:
    await tx.execute(update(table(LanguageModel)).where(_model.state == "live").values(state="retired"))


async def _set(tx: Transaction, model_id: str, **values: Any) -> None:
    await tx.execute(update(table(LanguageModel)).where(_model.id == model_id).values(**values))


def _view(row: AnyRow) -> ModelView:
    return ModelView(
        row.id, row.state, json.loads(row.scores) if row.scores else {}, row.begun_by, row.begun_at, row.published_at
    )
