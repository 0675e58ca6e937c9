ARGS = []
cache = {}
count = 0


class Settings:
    def __init__(self):
        self.level = 1


settings = Settings()
