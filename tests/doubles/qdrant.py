"""A double of a Qdrant server: the REST calls that we make, over Qdrant's own engine and real HTTP on loopback.

What it finds and how it fuses is the engine's own. Consensus, snapshots and everything that we do not call are missing.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import qdrant_edge as q
from aiohttp import web


class QdrantDouble:
    """`statuses` are answered first, one a request, with `headers`; `requests` keeps method and path of each one."""

    def __init__(self, key=""):
        self.key = key
        self.collections, self.aliases = {}, {}
        self.requests, self.statuses, self.headers = [], [], {}

    async def __aenter__(self):
        self._folder = tempfile.TemporaryDirectory()
        app = web.Application(middlewares=[self._outer], client_max_size=1 << 28)
        one = "/collections/{name}"
        app.add_routes(
            [
                web.get("/collections", self._list),
                web.get(one, self._get),
                web.put(one, self._create),
                web.patch(one, self._patch),
                web.delete(one, self._delete),
                web.put(one + "/index", self._index),
                web.put(one + "/points", self._upsert),
                web.post(one + "/points/batch", self._batch),
                web.put(one + "/points/payload", self._overwrite),
                web.post(one + "/points/delete", self._remove),
                web.post(one + "/points/scroll", self._scroll),
                web.post(one + "/points/query", self._query),
                web.post(one + "/points/count", self._count),
                web.get("/aliases", self._aliases),
                web.post("/collections/aliases", self._switch),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *error):
        await self._runner.cleanup()
        for shard, _ in self.collections.values():
            shard.close()
        self._folder.cleanup()

    @web.middleware
    async def _outer(self, request, handler):
        self.requests.append((request.method, request.path))
        if self.statuses:
            words = "scripted, with the key " + request.headers.get("api-key", "")
            return _refused(self.statuses.pop(0), words, self.headers)
        if self.key and request.headers.get("api-key") != self.key:
            return web.Response(status=401, text="Must provide an API key or an Authorization bearer token")
        if request.match_info.http_exception:
            return _refused(501, f"the double does not know {request.method} {request.path}")
        name = request.match_info.get("name")
        request[NAME] = self.aliases.get(name, name)
        if name and request[NAME] not in self.collections and handler != self._create:
            return _refused(404, f"Not found: Collection `{name}` doesn't exist!")
        body = json.loads(await request.read() or b"{}")
        try:
            return web.json_response({"result": await handler(request, body), "status": "ok", "time": 0.0})
        except web.HTTPException as exc:
            return _refused(exc.status, exc.text)

    async def _list(self, request, body):
        return {"collections": [{"name": name} for name in self.collections]}

    async def _get(self, request, body):
        _, made = self.collections[request[NAME]]
        layout = {key: made[key] for key in ("vectors", "sparse_vectors") if key in made}
        config = {
            "params": {**layout, **{key: made.get(key, 1) for key in ("shard_number", "replication_factor")}},
            "quantization_config": made.get("quantization_config"),
            "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
            "optimizer_config": {
                "deleted_threshold": 0.2,
                "vacuum_min_vector_number": 1000,
                "default_segment_number": 0,
                "flush_interval_sec": 5,
            },
            "metadata": made.get("metadata"),
        }
        return {"status": "green", "optimizer_status": "ok", "segments_count": 1, "config": config, "payload_schema": {}}

    async def _create(self, request, body):
        name = request[NAME]
        if name in self.collections:
            raise web.HTTPConflict(text=f"Wrong input: Collection `{name}` already exists!")
        place = Path(self._folder.name) / f"{len(self.requests)}"
        place.mkdir()
        vectors = {key: q.EdgeVectorParams(one["size"], q.Distance.Cosine) for key, one in body["vectors"].items()}
        assert all(one["distance"] == "Cosine" for one in body["vectors"].values())
        assert all(one["modifier"] == "idf" for one in body["sparse_vectors"].values())
        sparse = {key: q.EdgeSparseVectorParams(modifier=q.Modifier.Idf) for key in body["sparse_vectors"]}
        self.collections[name] = q.EdgeShard.create(str(place), q.EdgeConfig(vectors=vectors, sparse_vectors=sparse)), body
        return True

    async def _patch(self, request, body):
        made = self.collections[request[NAME]][1]
        made["metadata"] = {**(made.get("metadata") or {}), **body.get("metadata", {})}
        return True

    async def _delete(self, request, body):
        self.collections.pop(request[NAME])[0].close()
        self.aliases = {alias: name for alias, name in self.aliases.items() if name != request[NAME]}
        return True

    async def _index(self, request, body):
        assert body["field_schema"] == "keyword"
        self._update(request, q.UpdateOperation.create_field_index(body["field_name"], q.PayloadSchemaType.Keyword))
        return DONE

    async def _upsert(self, request, body):
        points = [
            q.Point(one["id"], {key: _vector(value) for key, value in one["vector"].items()}, one["payload"])
            for one in body["points"]
        ]
        self._update(request, q.UpdateOperation.upsert_points(points))
        return DONE

    async def _batch(self, request, body):
        for operation in body["operations"]:
            one = operation["overwrite_payload"]
            self._update(request, q.UpdateOperation.overwrite_payload(one["points"], one["payload"]))
        return [DONE for _ in body["operations"]]

    async def _overwrite(self, request, body):
        self._update(request, q.UpdateOperation.overwrite_payload(body["points"], body["payload"]))
        return DONE

    async def _remove(self, request, body):
        self._update(request, q.UpdateOperation.delete_points(body["points"]))
        return DONE

    async def _scroll(self, request, body):
        asked = q.ScrollRequest(
            offset=body.get("offset"),
            limit=body["limit"],
            filter=_filter(body.get("filter")),
            with_payload=True,
            with_vector=bool(body.get("with_vector")),
        )
        records, following = self._shard(request).scroll(asked)
        wanted = body.get("with_vector") or []
        points = [
            {"id": str(one.id), "payload": one.payload}
            | ({"vector": {key: list(one.vector[key]) for key in wanted}} if wanted else {})
            for one in records
        ]
        return {"points": points, "next_page_offset": None if following is None else str(following)}

    async def _query(self, request, body):
        legs = [
            q.Prefetch(
                limit=leg["limit"],
                query=q.Query.Nearest(_vector(leg["query"]), using=leg["using"]),
                filter=_filter(leg.get("filter")),
            )
            for leg in body["prefetch"]
        ]
        asked = q.QueryRequest(
            limit=body["limit"], prefetches=legs, query=q.Fusion.Rrf(body["query"]["rrf"]["k"]), with_payload=True
        )
        hits = self._shard(request).query(asked)
        return {"points": [{"id": str(h.id), "version": 0, "score": h.score, "payload": h.payload} for h in hits]}

    async def _count(self, request, body):
        return {"count": int(self._shard(request).count(q.CountRequest(exact=True)))}

    async def _aliases(self, request, body):
        return {"aliases": [{"alias_name": a, "collection_name": name} for a, name in self.aliases.items()]}

    async def _switch(self, request, body):
        aliases = dict(self.aliases)  # all of the operations or none
        for action in body["actions"]:
            if "delete_alias" in action:
                aliases.pop(action["delete_alias"]["alias_name"], None)
            else:
                made = action["create_alias"]
                if made["collection_name"] not in self.collections:
                    raise web.HTTPNotFound(text=f"Not found: Collection `{made['collection_name']}` doesn't exist!")
                aliases[made["alias_name"]] = made["collection_name"]
        self.aliases = aliases
        return True

    def _shard(self, request):
        return self.collections[request[NAME]][0]

    def _update(self, request, operation):
        assert request.query["wait"] == "true"  # what was answered must be findable
        self._shard(request).update(operation)


NAME = web.RequestKey("name", str)
DONE = {"operation_id": 0, "status": "completed"}


def _refused(status, words, headers=None):
    return web.json_response({"status": {"error": words}, "time": 0.0}, status=status, headers=headers)


def _vector(value):
    value = value.get("nearest", value) if isinstance(value, dict) else value
    return q.SparseVector(value["indices"], value["values"]) if isinstance(value, dict) else value


def _filter(value):
    if not value:
        return None
    return q.Filter(must=[q.FieldCondition(one["key"], match=_match(one["match"])) for one in value["must"]])


def _match(match):
    return q.MatchAny(match["any"]) if "any" in match else q.MatchValue(match["value"])
