from typing import Literal
Convention = Literal["transparent","white"]
