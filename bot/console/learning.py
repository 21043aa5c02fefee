"""Teaching: the sentences staff added, training with scores before and after, choosing the model in use."""

from aiohttp import web

from bot import clock
from bot.console.visit import Visit
from storage.repositories import language_models, questions, staff


async def show(visit: Visit) -> web.StreamResponse:
    """What was added, what was trained, what is in use."""
    async with visit.house.database.reading() as tx:
        examples = await questions.examples(tx)
        models = await language_models.list_all(tx)
        names = await staff.names(tx)
    if visit.wants_json:
        return visit.json([{"id": one.id, "state": one.state, "scores": one.scores} for one in models])
    return visit.page("learning.html", examples=list(reversed(examples)), models=models, names=names)


async def train(visit: Visit) -> web.StreamResponse:
    """Begin training; the page shows when it is done."""
    model_id = await visit.house.trainer.begin(visit.me.id)
    async with visit.house.database.transaction() as tx:
        await visit.record(tx, "model.trained", f"language_model:{model_id}")
    return visit.json({"id": model_id}, 202) if visit.wants_json else visit.go("/console/learning")


async def publish(visit: Visit) -> web.StreamResponse:
    """Use this model; every process takes it over within seconds."""
    model_id = visit.part("model")
    async with visit.house.database.transaction() as tx:
        await language_models.publish(tx, model_id, visit.me.id, clock.now())
        await visit.record(tx, "model.published", f"language_model:{model_id}")
    return visit.json({"id": model_id}) if visit.wants_json else visit.go("/console/learning")


async def use_packaged(visit: Visit) -> web.StreamResponse:
    """Back to the model that came with the software."""
    async with visit.house.database.transaction() as tx:
        await language_models.use_packaged(tx)
        await visit.record(tx, "model.rolled_back", "language_model")
    return visit.json({}) if visit.wants_json else visit.go("/console/learning")


async def remove_example(visit: Visit) -> web.StreamResponse:
    """Take a sentence out again."""
    example_id = visit.part("example")
    async with visit.house.database.transaction() as tx:
        await questions.remove_example(tx, example_id)
        await visit.record(tx, "example.removed", f"example:{example_id}")
    return visit.json({}) if visit.wants_json else visit.go("/console/learning")
