#pragma once
#include <stdio.h>
#define ESP_LOGE(tag, ...) (fprintf(stderr, "E %s: ", tag), fprintf(stderr, __VA_ARGS__), fputc('\n', stderr))
#define ESP_LOGI(tag, ...) (printf("I %s: ", tag), printf(__VA_ARGS__), putchar('\n'))
#define ESP_LOGW(tag, ...) (printf("W %s: ", tag), printf(__VA_ARGS__), putchar('\n'))
