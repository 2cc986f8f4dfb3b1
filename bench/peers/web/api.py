"""api.py - "Hello, World!" and an API with one path parameter and a validated body, with FastAPI."""

from typing import List

from fastapi import FastAPI
from fastapi.responses import PlainTextResponse
from pydantic import BaseModel, Field

app = FastAPI()


class Note(BaseModel):
    title: str = Field(min_length=1, max_length=100)
    text: str = Field("", max_length=1000)
    stars: int = Field(0, ge=0, le=5)
    done: bool = False
    tags: List[str] = Field([], max_items=10)


class Answer(Note):
    id: int


@app.get("/", response_class=PlainTextResponse)
async def hello():
    return "Hello, World!"


@app.put("/notes/{note_id}", response_model=Answer)
async def put(note_id: int, note: Note):
    return Answer(id=note_id, **note.dict())
