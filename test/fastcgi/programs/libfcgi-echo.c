/* A responder on libfcgi: answers with what it was asked, or in one of the ways that go wrong. */
#include <fcgiapp.h>
#include <string.h>
#include <unistd.h>

int main(void) {
  FCGX_Request request;
  char buffer[4096];
  int length;
  FCGX_Init();
  FCGX_InitRequest(&request, 0, 0);
  while (FCGX_Accept_r(&request) == 0) {
    const char *path = FCGX_GetParam("SCRIPT_NAME", request.envp);
    if (strcmp(path, "/dies") == 0) _exit(3);
    FCGX_FPrintF(request.out, "Status: 203 Fine\nSet-Cookie: a=1\nSet-Cookie: b=2\nContent-Type: text/plain\n\n%s:", path);
    if (strcmp(path, "/ignores-stdin") != 0)
      while ((length = FCGX_GetStr(buffer, sizeof buffer, request.in)) > 0) FCGX_PutStr(buffer, length, request.out);
    FCGX_FPrintF(request.err, "a word on stderr");
    FCGX_SetExitStatus(7, request.out);
    FCGX_Finish_r(&request);
  }
  return 0;
}
