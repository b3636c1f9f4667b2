/* Needs a library of its own, which the test takes away. */
int greeting(void);

int main(void) { return greeting(); }
